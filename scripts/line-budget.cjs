'use strict'
// Every folder of scripts/line-budget.json has at most so many lines of code in tracked sources: blank lines and comments do not
// count, because words that help a reader are not what must stay small.
//   node scripts/line-budget.cjs                   fails if a folder has more lines than its limit, or a folder of lib or native has none
//   node scripts/line-budget.cjs --table           prints sizes, files and limits
//   node scripts/line-budget.cjs --update          lowers the limits to the sizes of today
//   node scripts/line-budget.cjs --raise FOLDER    sets the limit of one folder to its size, also upwards
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const root = path.resolve(__dirname, '..')
const file = path.join(__dirname, 'line-budget.json')
const sources = /\.(ts|mts|cjs|h|cc|cu|cuh)$/
const production = /^(lib|native)\//

/** The longest of `folders` that holds a file; of a production file otherwise its own two folders, of another one nothing. */
function folderOf(name, folders) {
  const own = path.posix.dirname(name).split('/').slice(0, 2).join('/')
  const fallback = production.test(name) ? own : undefined
  return folders.filter((folder) => name.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0] ?? fallback
}

/** Lines of a text that are neither blank nor comments alone. */
function codeLines(text) {
  let comment = false
  const counts = (line) => {
    const words = line.trim()
    if (comment) {
      comment = !words.includes('*/')
      return false
    }
    if (words.startsWith('/*')) comment = !words.includes('*/')
    return words !== '' && !words.startsWith('//') && !words.startsWith('/*')
  }
  return text.split('\n').filter(counts).length
}

/** Lines of code and files of each folder. @param files names and texts */
function measure(files, folders) {
  const sizes = Object.fromEntries(folders.map((folder) => [folder, { lines: 0, files: 0 }]))
  for (const [name, text] of files) {
    const folder = folderOf(name, folders)
    if (folder === undefined) continue
    sizes[folder] ??= { lines: 0, files: 0 }
    sizes[folder].lines += codeLines(text)
    sizes[folder].files++
  }
  return sizes
}

/** What is wrong, a sentence for each folder. */
function problems(sizes, limits) {
  return Object.entries(sizes)
    .filter(([folder, { lines }]) => !(lines <= limits[folder]))
    .map(([folder, { lines }]) =>
      folder in limits
        ? `${folder} has ${lines} lines of code, ${lines - limits[folder]} more than its limit of ${limits[folder]}: remove as many, or say in the commit why it must grow and run node scripts/line-budget.cjs --raise ${folder}`
        : `${folder} has ${lines} lines of code and no limit: node scripts/line-budget.cjs --raise ${folder}`,
    )
}

function tracked() {
  const names = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')
  const present = names.filter((name) => sources.test(name) && fs.existsSync(path.join(root, name)))
  return present.map((name) => [name, fs.readFileSync(path.join(root, name), 'utf8')])
}

function table(sizes, limits) {
  const line = (name, files, lines, limit) => `${name.padEnd(20)}${[files, lines, limit].map((n) => String(n).padStart(8)).join('')}`
  const sum = (key) => Object.entries(sizes).reduce((total, [name, of]) => total + (production.test(`${name}/`) ? of[key] : 0), 0)
  const rows = Object.entries(sizes).map(([name, { files, lines }]) => line(name, files, lines, limits[name] ?? '-'))
  return [line('folder', 'files', 'lines', 'limit'), ...rows, line('lib and native', sum('files'), sum('lines'), '')].join('\n')
}

function main([option, folder]) {
  const limits = JSON.parse(fs.readFileSync(file, 'utf8'))
  const sizes = measure(tracked(), Object.keys(limits))
  if (option === '--table') return console.log(table(sizes, limits))
  if (option === '--update') for (const name of Object.keys(limits)) limits[name] = Math.min(limits[name], sizes[name].lines)
  else if (option === '--raise' && folder in sizes) limits[folder] = sizes[folder].lines
  else if (option !== undefined) throw new Error(`unknown argument ${[option, folder].filter(Boolean).join(' ')}`)
  if (option !== undefined) {
    const used = Object.keys(limits).filter((name) => limits[name] > 0)
    fs.writeFileSync(file, `${JSON.stringify(Object.fromEntries(used.sort().map((name) => [name, limits[name]])), null, 2)}\n`)
  }
  const found = problems(sizes, limits)
  for (const problem of found) console.error(problem)
  process.exitCode = found.length > 0 ? 1 : 0
}

module.exports = { folderOf, measure, problems, tracked }
if (require.main === module) main(process.argv.slice(2))
