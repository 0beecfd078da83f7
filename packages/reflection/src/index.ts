export { combineVotes, type Vote } from './combine-votes.js';
export { createReplayServer, type ReplayServer, type ReplayServerOptions } from './create-replay-server.js';
export {
  createTeacherClient,
  type RetryNotice,
  type TeacherAnswer,
  type TeacherClient,
  type TeacherClientOptions,
  type TeacherRequest,
} from './create-teacher-client.js';
export {
  isFatalTeacherError,
  NoRecordedAnswerError,
  TeacherAnswerError,
  TeacherAuthError,
  TeacherNotFoundError,
  TeacherRateLimitError,
  TeacherRequestError,
  TeacherServerError,
  TeacherTimeoutError,
  TeacherUnreachableError,
} from './errors.js';
export { type ReadTeacherRecordsOptions, readTeacherRecords } from './read-teacher-records.js';
export {
  type ReflectFunctionOptions,
  reflectFunction,
  type StageOptions,
  toTeacherView,
} from './reflect-function.js';
export {
  failuresPathFor,
  type ReflectionEvent,
  type ReflectionSummary,
  type RunReflectionOptions,
  runReflection,
  type SkipReason,
} from './run-reflection.js';
export {
  type FailureCode,
  failureCodeSchema,
  type ReflectionFailure,
  type ReflectionRecord,
  reflectionFailureSchema,
  reflectionRecordSchema,
} from './schemas.js';
export { diagnoseStage } from './stages/diagnose.js';
export { reflectStage, voteStage } from './stages/reflect.js';
export { repairStage } from './stages/repair.js';
export type { ChatMessage, Stage, StageName, TeacherView } from './stages/stage.js';
export { DEFAULT_PROMPT_STYLES, writePromptsStage } from './stages/write-prompts.js';
export { addUsage, type Budget, type ModelPrice, priceTokens, type Usage } from './usage.js';
