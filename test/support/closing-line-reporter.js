/** Ends a run with one plain line of counts, and names every skipped test with where it is. */
module.exports = class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    for (const file of results.testResults) {
      for (const test of file.testResults) {
        if (test.status === "pending") console.log(`skipped: ${test.fullName}`);
      }
    }
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : "";
    console.log(`${results.numPassedTests} passed, ${failed} failed${skipped}`);
  }
};
