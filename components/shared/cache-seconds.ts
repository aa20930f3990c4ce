/** How long Cloudflare lets a browser or its edge keep files: these numbers of seconds and none else. */
export const cacheSeconds = [
  0, 30, 60, 120, 300, 1200, 1800, 3600, 7200, 10800, 14400, 18000, 28800, 43200, 57600, 72000, 86400, 172800,
  259200, 345600, 432000, 691200, 1382400, 2073600, 2678400, 5356800, 16070400, 31536000,
] as const;
