// In a terminal jest forces colours on its workers, and so on whatever a test starts: its answers would be in colours, and
// Node.js warns where NO_COLOR stands beside it.
delete process.env.FORCE_COLOR;
