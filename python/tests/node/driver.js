// The Node driver does a day's work on an Argon server.
"use strict";
const assert = require("node:assert/strict");
const { MongoClient, GridFSBucket } = require("mongodb");

async function main(uri) {
  const client = new MongoClient(uri);
  await client.connect();
  const db = client.db("nodejs");
  const items = db.collection("items");
  await items.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: n, n: n % 7 })));
  const bulk = await items.bulkWrite([
    { insertOne: { document: { _id: 1000, n: 1 } } },
    { updateOne: { filter: { _id: 1 }, update: { $inc: { n: 1 } } } },
  ]);
  assert.equal(bulk.modifiedCount, 1);
  assert.equal(await items.createIndex({ n: 1 }), "n_1");
  assert.equal((await items.find({ n: 3 }).batchSize(10).toArray()).length, 43);
  const groups = await items.aggregate([{ $group: { _id: "$n", c: { $sum: 1 } } }, { $sort: { _id: 1 } }]).toArray();
  assert.deepEqual(groups.map((g) => g._id), [0, 1, 2, 3, 4, 5, 6]);

  const session = client.startSession();
  await session.withTransaction(async () => {
    await items.insertOne({ _id: "kept" }, { session });
  });
  session.startTransaction();
  await items.insertOne({ _id: "dropped" }, { session });
  await session.abortTransaction();
  assert.equal(await items.countDocuments({ _id: { $in: ["kept", "dropped"] } }), 1);
  const other = client.startSession();
  session.startTransaction();
  other.startTransaction();
  await items.updateOne({ _id: 2 }, { $set: { a: 1 } }, { session });
  await assert.rejects(async () => {
    await items.updateOne({ _id: 2 }, { $set: { a: 2 } }, { session: other });
    await session.commitTransaction();
    await other.commitTransaction();
  }, (err) => err.hasErrorLabel("TransientTransactionError"));
  await session.endSession();
  await other.endSession();

  const stream = items.watch();
  const change = await touch(items, stream.next());
  await stream.close();
  await items.deleteOne({ _id: "seen" });
  const resumed = items.watch([{ $match: { operationType: "delete" } }], { resumeAfter: change._id });
  assert.equal((await resumed.next()).documentKey._id, "seen");
  await resumed.close();
  const all = await items.countDocuments();

  const bucket = new GridFSBucket(db);
  const data = Buffer.alloc(700_000, 7);
  await new Promise((done, fail) => bucket.openUploadStream("f").on("finish", done).on("error", fail).end(data));
  const parts = [];
  for await (const part of bucket.openDownloadStreamByName("f")) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(data));

  const { lsn } = await db.command({ argonResolve: "main" });
  await db.command({ argonBranchCreate: "exp", from: "main" });
  await client.db("nodejs~exp").collection("items").deleteMany({});
  assert.equal(await items.countDocuments(), all);
  assert.equal(await client.db(`nodejs~exp~${lsn}`).collection("items").countDocuments(), all);
  await assert.rejects(client.db(`nodejs~main~${lsn}`).collection("items").insertOne({}), /argonBranchCreate/);
  const { databases } = await db.admin().listDatabases({ nameOnly: true });
  assert.ok(databases.some((d) => d.name === "nodejs~exp"));
  await client.close();

  const named = new MongoClient(`${uri}nodejs~exp?compressors=zlib`);
  assert.equal(await named.db().collection("items").countDocuments(), 0);
  await named.close();
}

// touch makes changes until the stream, which may begin late, has seen one.
async function touch(items, seen) {
  let done = false;
  seen.then(() => (done = true));
  while (!done) {
    await items.deleteOne({ _id: "seen" });
    await items.insertOne({ _id: "seen" });
  }
  return seen;
}

main(process.argv[2]).catch((err) => {
  console.error(err);
  process.exit(1);
});
