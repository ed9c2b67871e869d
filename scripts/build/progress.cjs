'use strict'
/** A build's output for a person: how far it is, in one line on a terminal and every fifth elsewhere; what compilers say, as it is. */

// Ninja: "[12/92] Building ..."; make: "[ 13%] Building ...".
const ofNinja = /^\[(\d+)\/(\d+)\] /
const ofMake = /^\[ *(\d+)%\] (Building|Linking|Built|Generating)/
const idle = /Re-checking globbed directories|Re-running CMake/
const quiet = /^(-- |ninja: (no work to do|Entering directory)|gmake|make|Consolidate|Scanning dependencies|\[ *\d+%\])/

/** @param {string} what "the native part": what is being built. */
function buildProgress(what, stream = process.stderr) {
  const began = Date.now()
  let drawn = false
  let lastFifth = 0
  let worked = false
  const clear = () => {
    if (drawn) stream.write('\r\x1b[2K')
    drawn = false
  }
  const show = (done, total, steps) => {
    worked = true
    const percent = Math.floor((100 * done) / total)
    const text = `ragdraft: building ${what}: ${percent} %${steps ? ` (step ${done} of ${total})` : ''}`
    if (stream.isTTY) {
      clear()
      stream.write(text)
      drawn = true
    } else if (Math.floor(percent / 20) > lastFifth) {
      lastFifth = Math.floor(percent / 20)
      stream.write(`${text}\n`)
    }
  }
  return {
    line(text) {
      if (idle.test(text)) return
      const ninja = ofNinja.exec(text)
      const make = ofMake.exec(text)
      if (ninja) show(Number(ninja[1]), Number(ninja[2]), true)
      else if (make) show(Number(make[1]), 100, false)
      else if (!quiet.test(text) && text.trim() !== '') {
        clear()
        stream.write(`${text}\n`)
      }
    },
    end() {
      clear()
      stream.write(
        worked ? `ragdraft: built ${what} in ${Math.round((Date.now() - began) / 1000)} s\n` : `ragdraft: ${what} is up to date\n`,
      )
    },
  }
}

module.exports = { buildProgress }
