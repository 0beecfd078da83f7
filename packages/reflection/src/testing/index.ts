export { answerAsTeacher, type ScriptedTeacherOptions } from './answer-as-teacher.js';
export {
  createFakeOpenAi,
  type FakeOpenAi,
  type FakeOpenAiOptions,
  type FakeReply,
  type FakeRequest,
} from './create-fake-open-ai.js';
