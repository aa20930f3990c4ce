import { closestApplication } from "../../../sandbox/edge/access-match";

const applications = [
  { name: "site", uris: ["stg.plyr.fm"] },
  { name: "api", uris: ["api-stg.plyr.fm"] },
  {
    name: "public",
    uris: ["api-stg.plyr.fm/health", "api-stg.plyr.fm/docs", "stg.plyr.fm/icons/*", "stg.plyr.fm/a/"],
  },
  { name: "previews", uris: ["*.plyr.fm", "pr-*.example.com/admin"] },
];

test.each([
  ["stg.plyr.fm", "/", "site"],
  ["stg.plyr.fm", "/icons", "site"],
  ["stg.plyr.fm", "/icons/a.png", "public"],
  ["stg.plyr.fm", "/a", "public"],
  ["stg.plyr.fm", "/ab", "site"],
  ["api-stg.plyr.fm", "/health", "public"],
  ["api-stg.plyr.fm", "/health/deep", "public"],
  ["api-stg.plyr.fm", "/healthz", "api"],
  ["api-stg.plyr.fm", "/docs/x/y", "public"],
  ["other.plyr.fm", "/health", "previews"],
  ["plyr.fm", "/", undefined],
  ["a.b.plyr.fm", "/", undefined],
  ["pr-7.example.com", "/admin/x", "previews"],
  ["pr-7.example.com", "/", undefined],
  ["pr-.example.com", "/admin", "previews"],
  ["www.example.com", "/admin", undefined],
])("%s%s belongs to %s", (host, path, name) => {
  expect(closestApplication(applications, host, path)?.name).toBe(name);
});
