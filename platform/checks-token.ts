/** The service token of Access that a stack makes for its own prober and checks; an output as any other. */
export const checksToken = "checks";
