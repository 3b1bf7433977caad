// Reads Terraform files: prints, as one JSON object, what Terraform's own parser makes of each and how its formatter writes it.
//   node hcl.js TOOLS FILE..
const { readFileSync } = require("fs");
const [tools, ...files] = process.argv.slice(2);
const { parse } = require(`${tools}/node_modules/@cdktf/hcl2json`);
const { format } = require(`${tools}/node_modules/@cdktf/hcl-tools`);

async function read(file) {
  const text = readFileSync(file, "utf8");
  try {
    return { blocks: await parse(file, text), formatted: await format(text) };
  } catch (error) {
    return { error: `${error}` };
  }
}

(async () => {
  const out = {};
  for (const file of files) out[file] = await read(file);
  process.stdout.write(JSON.stringify(out), () => process.exit(0));
})();
