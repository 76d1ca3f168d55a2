// What a user of huggingface.js does, with a hub that HF_ENDPOINT names. Ends with `done`.
// The first argument is a folder in which `@huggingface/hub` is installed, the second an empty one.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [installed, folder] = process.argv.slice(2);
const found = createRequire(join(installed, "x.js")).resolve("@huggingface/hub");
const hub = await import(pathToFileURL(found));
console.debug = () => {};
const access = { hubUrl: process.env.HF_ENDPOINT, accessToken: process.env.HF_TOKEN };

const noise = (seed, length) => createHash("shake256", { outputLength: length }).update(seed).digest();
const bytes = async (blob) => Buffer.from(await blob.arrayBuffer());
const collect = async (items) => { const all = []; for await (const each of items) all.push(each); return all; };
const refused = (status, promise) => assert.rejects(promise, (error) => {
  assert.equal(error.statusCode, status, error.message);
  return true;
});

function tensors() {
  const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(24)]);
}

const me = await hub.whoAmI(access);
assert.equal(me.type, "user");
assert(me.auth.accessToken.createdAt instanceof Date);
const repo = `${me.name}/js-${createHash("sha256").update(folder).digest("hex").slice(0, 10)}`;
const at = { repo, ...access };

// A repository with files of its own
const created = await hub.createRepo({
  ...at, license: "mit", files: [{ path: "notes.txt", content: new Blob(["from the beginning"]) }],
});
assert.equal(created.repoUrl, `${access.hubUrl}/${repo}`);
await refused(409, hub.createRepo(at));
assert.equal(await (await hub.downloadFile({ ...at, path: "notes.txt" })).text(), "from the beginning");
assert.match(await (await hub.downloadFile({ ...at, path: "README.md" })).text(), /license: "mit"/);
assert(await hub.repoExists(at));
assert(!(await hub.repoExists({ ...at, repo: `${me.name}/not-there` })));
await hub.checkRepoAccess(at);
await refused(404, hub.checkRepoAccess({ ...at, repo: `${me.name}/not-there` }));

// Files: small, empty, large, in parts, with odd names
const files = {
  "config.json": Buffer.from('{"architecture": "lenet"}'),
  "empty": Buffer.alloc(0),
  "model.safetensors": tensors(),
  "sub/folder/large.bin": noise("large", 300_000),
  "parts.bin": noise("parts", 6_000_000),
  "sub/a name with spaces & ümlauts.txt": Buffer.from("text"),
};
const operations = Object.entries(files);
const pushed = await hub.uploadFiles({
  ...at, commitTitle: "all of it",
  files: operations.map(([path, content]) => ({ path, content: new Blob([content]) })),
});
assert.match(pushed.commit.oid, /^[0-9a-f]{40}$/);
for (const [path, content] of operations) {
  const info = await hub.fileDownloadInfo({ ...at, path });
  assert.equal(info.size, content.length, path);
  assert(content.equals(await bytes(await hub.downloadFile({ ...at, path }))), path);
  assert(await hub.fileExists({ ...at, path }));
}
assert.equal(await hub.downloadFile({ ...at, path: "not-there" }), null);
assert(!(await hub.fileExists({ ...at, path: "not-there" })));
const large = await hub.downloadFile({ ...at, path: "sub/folder/large.bin" });
assert(files["sub/folder/large.bin"].subarray(1000, 2000).equals(await bytes(large.slice(1000, 2000))));
const pointer = await (await hub.downloadFile({ ...at, path: "sub/folder/large.bin", raw: true })).text();
const sha256 = createHash("sha256").update(files["sub/folder/large.bin"]).digest("hex");
assert(pointer.includes(`oid sha256:${sha256}\nsize 300000\n`));
assert.equal(await (await hub.downloadFile({ ...at, path: "config.json", raw: true })).text(), files["config.json"].toString());
const metadata = await hub.parseSafetensorsMetadata({ ...at, path: "model.safetensors", computeParametersCount: true });
assert.deepEqual(metadata.header.w.shape, [2, 3]);

// Listings of files
const tree = await collect(hub.listFiles({ ...at, recursive: true, expand: true }));
const names = tree.filter((item) => item.type === "file").map((item) => item.path);
assert.deepEqual(new Set(names), new Set([...Object.keys(files), ".gitattributes", "README.md", "notes.txt"]));
assert(tree.every((item) => item.lastCommit.id));
const inside = await collect(hub.listFiles({ ...at, path: "sub/folder" }));
assert.deepEqual(inside.map((item) => item.path), ["sub/folder/large.bin"]);
const infos = await hub.pathsInfo({ ...at, paths: ["config.json", "sub", "sub/folder/large.bin", "no"], expand: true });
assert.deepEqual(infos.map((item) => [item.path, item.type]), [
  ["config.json", "file"], ["sub", "directory"], ["sub/folder/large.bin", "file"],
]);
assert.equal(infos[2].lfs.oid, sha256);
assert.equal(infos[0].lastCommit.title, "all of it");
assert.deepEqual(await hub.pathsInfo({ ...at, paths: [] }), []);

// A whole revision
const snapshot = await hub.snapshotDownload({ ...at, cacheDir: folder });
assert.equal(snapshot.split("/").at(-1), pushed.commit.oid);
for (const [path, content] of operations) {
  assert(content.equals(await readFile(join(snapshot, path))), path);
}

// Revisions
const other = await hub.uploadFile({ ...at, file: { path: "late.txt", content: new Blob(["late"]) } });
assert.equal(await hub.countCommits(at), 3);
const history = await collect(hub.listCommits({ ...at, batchSize: 1 }));
assert.deepEqual(history.map((item) => item.oid).slice(0, 2), [other.commit.oid, pushed.commit.oid]);
assert.equal(history[0].authors[0].username, me.name);
const change = { path: "x", operation: "addOrUpdate", content: new Blob(["x"]) };
await refused(412, hub.commit({ ...at, title: "stale", parentCommit: pushed.commit.oid, operations: [change] }));
await hub.createBranch({ ...at, branch: "dev/x" });
await refused(409, hub.createBranch({ ...at, branch: "dev/x" }));
await hub.createBranch({ ...at, branch: "dev/x", overwrite: true });
await hub.createBranch({ ...at, branch: "dev/x", overwrite: true, revision: pushed.commit.oid });
assert(!(await hub.fileExists({ ...at, path: "late.txt", revision: "dev/x" })));
await hub.commit({ ...at, branch: "dev/x", title: "there", operations: [change] });
assert(await hub.fileExists({ ...at, path: "x", revision: "dev/x" }));
assert(!(await hub.fileExists({ ...at, path: "x" })));
await hub.deleteBranch({ ...at, branch: "dev/x" });
await hub.deleteFiles({ ...at, paths: ["late.txt", "notes.txt"] });
assert(!(await hub.fileExists({ ...at, path: "late.txt" })));

// Finding
const model = await hub.modelInfo({ ...access, name: repo, additionalFields: ["sha", "tags", "cardData", "filePaths"] });
assert.equal(model.name, repo);
assert.match(model.sha, /^[0-9a-f]{40}$/);
assert(model.filePaths.includes("config.json"));
await refused(404, hub.modelInfo({ ...access, name: repo, revision: "nowhere" }));
const search = { query: repo.split("/")[1], owner: me.name, tags: ["license:mit"] };
const models = await collect(hub.listModels({ ...access, search, sort: "lastModified", additionalFields: ["author"] }));
assert.deepEqual(models.map((item) => item.name), [repo]);
const data = { type: "dataset", name: repo };
await hub.createRepo({ ...access, repo: data, visibility: "private" });
await hub.uploadFile({ ...access, repo: data, file: { path: "rows.csv", content: new Blob(["1,2"]) } });
assert.equal(await (await hub.downloadFile({ ...access, repo: data, path: "rows.csv" })).text(), "1,2");
assert((await hub.datasetInfo({ ...access, name: repo })).private);
assert.equal((await collect(hub.listDatasets({ ...access, search: { query: search.query } }))).length, 1);
await hub.deleteRepo({ ...access, repo: data });

// What this hub leaves out
const from = { ...access, search: { inferenceProviders: ["x"] } };
await refused(501, collect(hub.listModels(from)));
await refused(501, collect(hub.listModels({ ...access, search: { apps: ["x"] } })));
await refused(501, collect(hub.listSpaces(access)));
await refused(501, collect(hub.listCollections(access)));
await refused(501, hub.spaceInfo({ ...access, name: repo }));
await refused(501, hub.listJobs({ ...access, namespace: me.name }));
await refused(501, hub.listJobHardware(access));
await refused(501, hub.listScheduledJobs({ ...access, namespace: me.name }));
await refused(501, hub.createRepo({ ...access, repo: { type: "space", name: `${repo}-space` } }));
await refused(501, hub.createRepo({ ...access, repo: { type: "bucket", name: `${repo}-bucket` } }));
await refused(501, hub.createBranch({ ...at, branch: "none", empty: true }));
await refused(501, hub.commit({ ...at, title: "x", operations: [change], isPullRequest: true }));
await refused(400, hub.createRepo({ ...access, repo: `${repo}-new`, visibility: "protected" }));
await refused(400, hub.commit({ ...at, title: "x", operations: [{ ...change, path: "a/.git/x" }] }));
await refused(401, hub.whoAmI({ ...access, accessToken: "hf_wrong" }));

await hub.deleteRepo(at);
assert(!(await hub.repoExists(at)));
console.log("done");
