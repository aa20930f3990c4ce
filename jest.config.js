/** Transpiles by swc, without types: `tsc` checks those once, for everything, in its own step. */
module.exports = {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  testTimeout: 30_000,
  // More than the cores: tests of the engine mostly wait, for processes that come up and go down.
  maxWorkers: 3,
  globalSetup: "<rootDir>/test/support/prepare.ts",
  testSequencer: "<rootDir>/test/support/engine-first.js",
  reporters: ["default", "<rootDir>/test/support/closing-line-reporter.js"],
};
