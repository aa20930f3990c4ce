export { ReportCollector, type ReportEnd, type ReportFacts } from "./collect";
export { CostWatch } from "./cost";
export { reportHtml } from "./html/page";
export { reportJson } from "./json";
export { type MarkdownOptions, commentMarker, githubLimit, reportMarkdown } from "./markdown/comment";
export {
  type Change,
  type Component,
  type Message,
  type Operation,
  type PolicyResult,
  type PropertyChange,
  type Report,
  type Risk,
  type Sections,
} from "./model";
export { comesFirst, worst } from "./order";
export { brokenRules, countRules, type MigrationFacts, ownPack, type PolicyRules } from "./policies";
export { countsOfBoth } from "./counts";
export { costSentence, countsSentence, riskSentence } from "./sentences";
export { type Paint, type TextOptions, reportText } from "./text";
