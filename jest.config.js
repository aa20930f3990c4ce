const transpiled = [
  "@swc/jest",
  { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
];

/** Transpiles by swc, without types: `tsc` checks those once, for everything, in its own step. */
module.exports = {
  testEnvironment: "<rootDir>/test/support/process-events.js",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  transform: { "^.+\\.ts$": transpiled, "/node_modules/.+\\.js$": transpiled },
  // Octokit comes as ES modules alone, which jest takes only when they are transpiled as well.
  transformIgnorePatterns: [
    "/node_modules/(?!@octokit/|universal-user-agent/|before-after-hook/|json-with-bigint/|fast-content-type-parse/)",
  ],
  // Every suite has its own registry of modules, for which jest reads and compiles all files again: half of what the small
  // suites cost.
  moduleNameMapper: {
    // Of what Pulumi's SDK loads these two were the most, and are not used.
    "^typescript$": "<rootDir>/test/support/lazy/typescript.js",
    "^@npmcli/arborist$": "<rootDir>/test/support/lazy/arborist.js",
    // Clients of tests, as Node.js itself loads them: see test/support/outside/load.js.
    "^(cloudflare|playwright-core|ts-morph|@aws-sdk/(?:client-s3|lib-storage|s3-request-presigner))$":
      "<rootDir>/test/support/outside/$1.js",
  },
  testTimeout: 60_000,
  // As many as the smallest machine has cores: tests under load must not take each other their time.
  maxWorkers: 2,
  globalSetup: "<rootDir>/test/support/prepare.ts",
  setupFiles: ["<rootDir>/test/support/without-colours.js"],
  testSequencer: "<rootDir>/test/support/engine-first.js",
  reporters: ["default", "<rootDir>/test/support/closing-line-reporter.js"],
};
