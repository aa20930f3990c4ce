const { appendFileSync } = require("node:fs");
const { relative } = require("node:path");
const { stripVTControlCharacters } = require("node:util");
const { suitesPassed } = require("../../scripts/remembered-suites.js");

/**
 * Ends a run with one plain line of counts, and names every skipped test with where it is. What failed goes into the file
 * that GROUNDWORK_FAILURES names as well, a line each with why: a whole run is several of these, and tells all of it at its end.
 * Of a whole run, what passed is remembered as it passes: a run that is broken off has not been in vain.
 */
module.exports = class ClosingLineReporter {
  onTestFileResult(_test, result) {
    const whole = result.numPassingTests > 0 && result.testResults.every(({ status }) => status === "passed");
    if (whole && !result.testExecError) suitesPassed([result.testFilePath]);
  }

  onRunComplete(_contexts, results) {
    const failures = [];
    for (const file of results.testResults) {
      const path = relative(process.cwd(), file.testFilePath);
      if (file.testExecError)
        failures.push(`${path}: it could not be run: ${reason(file.testExecError.message)}`);
      for (const test of file.testResults) {
        if (test.status === "pending") console.log(`skipped: ${test.fullName}`);
        if (test.status === "failed")
          failures.push(`${path}: ${test.fullName}: ${reason(test.failureMessages[0])}`);
      }
    }
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : "";
    console.log(`${results.numPassedTests} passed, ${failed} failed${skipped}`);
    const list = process.env.GROUNDWORK_FAILURES;
    if (list && failures.length > 0) appendFileSync(list, `${failures.join("\n")}\n`);
  }
};

/** An error's words as one short line, without the places of its stack. */
function reason(message = "no reason was given") {
  const [words] = stripVTControlCharacters(message).split(/\n\s+at /);
  const line = words.replace(/\s+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)} …` : line;
}
