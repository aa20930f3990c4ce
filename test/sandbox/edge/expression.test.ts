import type { Fields, Value } from "../../../sandbox/edge/expression";
import { compile, ExpressionError } from "../../../sandbox/edge/expression";

const values: Record<string, Value> = {
  "http.host": "www.example.com",
  "http.request.uri.path": "/Blog/2026/post.html",
  "http.request.uri.query": "a=1&b=2",
  "http.request.headers": ["x-a: one", "x-b: two"],
  "http.response.code": 404,
  "ip.src": "203.0.113.9",
  ssl: true,
};
const fields: Fields = (name) => values[name];

test.each<[string, Value]>([
  ['http.host eq "www.example.com"', true],
  ['http.host == "example.com"', false],
  ['http.host ne "example.com" and ssl', true],
  ['not ssl or http.host contains "www"', true],
  ['!ssl || http.host contains "zzz"', false],
  ['ssl xor http.host eq "www.example.com"', false],
  ["true and false or true", true],
  ["true or false and false", true],
  ["(true or false) and false", false],
  ['http.host in {"a.com" "www.example.com"}', true],
  ['not http.host in {"a.com"}', true],
  ["http.response.code in {400..499 500}", true],
  ["http.response.code ge 400 and http.response.code lt 404", false],
  ["ip.src in {198.51.100.0/24 203.0.113.0/24}", true],
  ["ip.src eq 203.0.113.9", true],
  ["ip.src in {198.51.100.0/24}", false],
  ['starts_with(http.request.uri.path, "/Blog")', true],
  ['ends_with(lower(http.request.uri.path), ".HTML")', false],
  ['http.request.uri.path wildcard "/blog/*"', true],
  ['http.request.uri.path strict wildcard "/blog/*"', false],
  ['http.request.uri.path wildcard r"/blog/*.html"', true],
  ['http.request.headers["x-a"][0] eq "one"', true],
  ['any(http.request.headers["x-b"][*] contains "tw")', true],
  ['http.request.headers["x-c"][0] eq ""', true],
  ["len(http.host) eq 15", true],
  ['"say \\"hi\\"" eq r#"say "hi""#', true],
  ['concat("https://example.com", http.request.uri.path)', "https://example.com/Blog/2026/post.html"],
  ['wildcard_replace(http.request.uri.path, "/blog/*/*", "/news/${2}?y=${1}")', "/news/post.html?y=2026"],
  ['concat(upper("a"), to_string(http.response.code), substring("abcdef", 1, 3))', "A404bc"],
  ['remove_query_args(http.request.uri.query, "a")', "b=2"],
  ['url_decode("a%20b")', "a b"],
])("%s is %p", (expression, value) => expect(compile(expression)(fields)).toEqual(value));

test.each([
  ["", "unexpected the end"],
  ["http.host eq", "unexpected the end"],
  ['http.host eq "a" "b"', "unexpected b"],
  ["http.host is 5", "unexpected is"],
  ["(true", "expected ) before the end"],
  ["cf.threat_score gt 5", "does not know the field cf.threat_score"],
  ["sha256(http.host)", "does not know the function sha256"],
  ['http.host matches "x.*"', "regular expressions need a paid plan"],
  ["true ; drop", 'unexpected "; drop"'],
])("%p is refused: %s", (expression, message) => {
  expect(() => compile(expression)(fields)).toThrow(ExpressionError);
  expect(() => compile(expression)(fields)).toThrow(message);
});
