/** How long a service token of Access is valid, as Cloudflare takes it: hours and minutes, or for good. */
export const tokenDuration = /^(?:(?:\d+[mh])+|forever)$/;

/** That, in words. */
export const tokenDurations = "such as 8760h, or forever";
