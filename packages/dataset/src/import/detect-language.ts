import type { Language } from '../schemas.js';

const cppExtension = /\.(?:cc|cp|cpp|cxx|c\+\+|hh|hpp|hxx|h\+\+|inl|ipp|tcc|tpp|mm)$/i;
/** Comments, strings and character constants, whose words are not evidence. */
const notCode = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?/g;
const cppSigns: readonly RegExp[] = [
  /[A-Za-z_>]\s*::\s*[~A-Za-z_]/,
  /\b(?:static|dynamic|const|reinterpret)_cast\s*</,
  /\b(?:nullptr|constexpr|noexcept|decltype)\b|\b(?:template\s*<|std\s*::|namespace\s+\w+\s*\{)/,
  /\bthis\s*->/,
  /\bthrow\s+[A-Za-z_][\w:]*\s*\(|\}\s*catch\s*\(/,
  /\bnew\s+[A-Za-z_]\w*\s*[([;{]/,
  /\bdelete\s*(?:\[\s*\]\s*)?[A-Za-z_]\w*\s*;/,
  /\b(?:public|private|protected)\s*:/,
];
/** A reference parameter, as it can stand ahead of the body only: further on the same text is a bitwise and. */
const referenceParameter = /[(,]\s*(?:const\s+)?[A-Za-z_][\w<>:, ]*\s*&\s*[A-Za-z_]\w*\s*[,)=]/;

/** The language of a function: by file extension where that settles it (`.c`, `.cc`, …), by signs of C++ in the text otherwise. */
export function detectLanguage(file: string | null, text: string): Language {
  if (file !== null) {
    const name = file.trim();
    if (name.endsWith('.C') || cppExtension.test(name)) return 'cpp';
    if (name.endsWith('.c')) return 'c';
  }
  const code = text.replace(notCode, ' ');
  const header = code.slice(0, code.indexOf('{') === -1 ? code.length : code.indexOf('{'));
  return referenceParameter.test(header) || cppSigns.some((sign) => sign.test(code)) ? 'cpp' : 'c';
}
