// Prints, as JSON, what a railway.ts declares: evaluate.mjs railway.ts, with the packages in this folder.
import { readFileSync, writeFileSync } from "node:fs";
import typescript from "typescript";

const source = readFileSync(process.argv[2], "utf8");
const compilerOptions = { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 };
writeFileSync("railway.mjs", typescript.transpileModule(source, { compilerOptions }).outputText);
const { default: program } = await import("./railway.mjs");
const { createRailwayContext, project } = await import("railway/iac");
process.stdout.write(JSON.stringify(await program(createRailwayContext({ environment: "production" }), project)));
