const site = "https://stg.plyr.fm";
const api = "https://api-stg.plyr.fm";

/** plyr.fm's staging: which addresses are open to everyone, and some beside them that are not. */
export const plyrStaging = {
  site,
  api,
  open: [`${api}/health`, `${api}/docs`, `${site}/manifest.webmanifest`, `${site}/icons/a.png`],
  closed: [`${site}/`, `${api}/`, `${api}/healthy`, `${site}/icons`, `${api}/icons/a.png`],
} as const;
