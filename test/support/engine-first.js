const { default: Sequencer } = require("@jest/test-sequencer");

/** The longest tests first, so that no worker is left alone with one at the end: those that run the real engine. */
module.exports = class EngineFirst extends Sequencer {
  sort(tests) {
    const weight = ({ path }) => (path.endsWith(".engine.test.ts") ? 1 : 0);
    return [...super.sort(tests)].sort((one, other) => weight(other) - weight(one));
  }
};
