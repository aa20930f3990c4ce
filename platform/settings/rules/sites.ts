import type { Rule } from "./context";

const sources: Rule = (context) => {
  const projects = new Map<string, string>();
  for (const [name, site] of Object.entries(context.values.sites)) {
    if (site.source !== undefined && site.directory !== undefined) {
      context.report({
        keys: ["sites", name, "directory"],
        what: "a project is built from git or gets uploads; Pages cannot change from one to the other",
        value: true,
        allowed: "source or directory, not both",
        fix: "remove one of the two",
      });
    }
    const first = projects.get(site.project);
    if (first === undefined) projects.set(site.project, name);
    else {
      context.report({
        keys: ["sites", name, "project"],
        what: `sites.${first} has this Pages project already`,
        value: true,
        allowed: "a project of its own for each site",
        fix: `write another name, such as ${site.project}-${name}`,
      });
    }
    if (
      site.source !== undefined &&
      site.build === undefined &&
      !context.isTouched(["sites", name, "build"])
    ) {
      context.report({
        keys: ["sites", name, "source"],
        atKey: true,
        what: "Pages shall build the repository, but it is not said how",
        allowed: "source together with build",
        fix: `add build: {command: <command>, output: <folder>} to groundwork:sites.${name}`,
      });
    }
  }
};

export const siteRules: readonly Rule[] = [sources];
