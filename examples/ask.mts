// npx tsx examples/ask.mts MODEL.gguf DOCUMENT.txt "QUESTION"
import { loadModel } from 'ragdraft'

const [modelFile, textFile, question] = process.argv.slice(2) as [string, string, string]

await using model = await loadModel(modelFile)
await using doc = await model.open({ path: textFile })
const answer = doc.ask(question)
for await (const delta of answer) process.stdout.write(delta)
for (const { start, end, text } of (await answer).citations) process.stdout.write(`\n[${start}, ${end}) ${text}\n`)
