const { TestEnvironment } = require("jest-environment-node");

/**
 * Jest keeps the process's events to itself, and fails a suite for each rejection that nobody has taken, also where one is
 * listened for: by the SDK while a program runs, and after its engine has ended. Here it is told first, as without jest.
 */
module.exports = class ProcessEventsEnvironment extends TestEnvironment {
  handleTestEvent({ name, error, promise }, { unhandledRejectionErrorByPromiseTarget: recorded }) {
    if (name !== "error" || promise === undefined) return;
    if (this.global.process.emit("unhandledRejection", error, promise))
      recorded.get(promise)?.delete(promise);
  }
};
