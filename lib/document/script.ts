/**
 * Scripts written without spaces between words, for use inside a character class (u flag). Hangul is among them: Korean puts
 * spaces between phrases, but glues particles to the words, so that pairs of syllables find more than whole words do.
 */
export const UNSPACED =
  '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Bopomofo}\\p{sc=Hangul}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}\\u30fc'
