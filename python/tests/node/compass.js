// What MongoDB Compass sends when it connects and looks around. Its own package for
// that, mongodb-data-service, brings an Electron and 64 MB: the commands are sent by
// the driver instead, and the schema is made by Compass's mongodb-schema.
"use strict";
const assert = require("node:assert/strict");
const { MongoClient } = require("mongodb");
const { parseSchema } = require("mongodb-schema");

async function main(uri) {
  const client = new MongoClient(uri, { directConnection: true, appName: "MongoDB Compass" });
  await client.connect();
  const admin = client.db("admin");
  const db = client.db("compass");
  const users = db.collection("users");
  await users.insertMany(
    Array.from({ length: 200 }, (_, n) => ({ _id: n, name: `u${n}`, n: n % 7, tags: ["a"], address: { city: "x" } })),
  );
  await users.createIndex({ name: 1 }, { unique: true });

  // The instance.
  const { authInfo } = await admin.command({ connectionStatus: 1, showPrivileges: true });
  assert.deepEqual(authInfo.authenticatedUsers, []);
  assert.equal((await admin.command({ buildInfo: 1 })).version, "7.0.0");
  assert.ok((await admin.command({ hostInfo: 1 })).system.numCores > 0);
  assert.ok(Array.isArray((await admin.command({ getCmdLineOpts: 1 })).argv));
  const fcv = await admin.command({ getParameter: 1, featureCompatibilityVersion: 1 });
  assert.equal(fcv.featureCompatibilityVersion.version, "7.0");
  assert.deepEqual((await admin.command({ getLog: "startupWarnings" })).log, []);
  await assert.rejects(admin.command({ atlasVersion: 1 }), /no such command/);
  assert.equal(await admin.collection("atlascli").countDocuments(), 0);

  // The sidebar.
  const { databases } = await admin.command({ listDatabases: 1, nameOnly: true });
  assert.ok(databases.some((d) => d.name === "compass"));
  const [info] = await db.listCollections({}, { nameOnly: false }).toArray();
  assert.deepEqual([info.name, info.type, info.info.readOnly], ["users", "collection", false]);
  assert.equal(info.info.uuid.sub_type, 4);
  const of = await db.command({ dbStats: 1 });
  assert.deepEqual([of.collections, of.objects, of.indexes], [1, 200, 2]);
  const [stats] = await users
    .aggregate([
      { $collStats: { storageStats: {} } },
      { $group: { _id: null, count: { $sum: "$storageStats.count" }, size: { $sum: "$storageStats.size" } } },
    ])
    .toArray();
  assert.ok(stats.count === 200 && stats.size > 0);

  // Documents, schema, indexes, plans.
  assert.equal(await users.countDocuments({}, { hint: "_id_", maxTimeMS: 5000 }), 200);
  assert.equal(await users.estimatedDocumentCount(), 200);
  assert.equal((await users.find({}, { limit: 20, maxTimeMS: 60000, promoteValues: false }).toArray()).length, 20);
  const sample = users.aggregate([{ $match: {} }, { $sample: { size: 100 } }], { allowDiskUse: true, maxTimeMS: 10000 });
  const schema = await parseSchema(sample);
  assert.equal(schema.count, 100);
  assert.deepEqual(
    schema.fields.map((f) => [f.name, f.type]),
    [["_id", "Number"], ["address", "Document"], ["n", "Number"], ["name", "String"], ["tags", "Array"]],
  );
  assert.equal((await users.find({ name: "u7" }).toArray()).length, 1);
  const uses = await users.aggregate([{ $indexStats: {} }, { $project: { name: 1, usageCount: "$accesses.ops", usageSince: "$accesses.since" } }]).toArray();
  assert.ok(uses.find((i) => i.name === "name_1").usageCount >= 1);
  assert.equal((await users.indexes()).length, 2);
  for (const verbosity of ["queryPlanner", "executionStats", "allPlansExecution"]) {
    assert.equal((await users.find({ name: "u7" }).explain(verbosity)).queryPlanner.winningPlan.stage, "FETCH");
  }
  await assert.rejects(users.aggregate([{ $listSearchIndexes: {} }]).toArray(), /listSearchIndexes/);

  // A pipeline stage by stage, an update looked at before it is made, a validator, a view.
  const preview = [{ $match: { n: { $lt: 3 } } }, { $limit: 100000 }, { $group: { _id: "$n" } }, { $limit: 10 }];
  assert.equal((await users.aggregate(preview, { maxTimeMS: 60000, allowDiskUse: true }).toArray()).length, 3);
  assert.ok((await users.aggregate(preview).explain("executionStats")).stages.length > 1);
  const session = client.startSession();
  session.startTransaction();
  await users.updateMany({ n: 1 }, { $set: { y: 1 } }, { session });
  assert.equal((await users.findOne({ n: 1 }, { session })).y, 1);
  await session.abortTransaction();
  await session.endSession();
  assert.equal((await users.findOne({ n: 1 })).y, undefined);
  await db.command({ collMod: "users", validator: { $jsonSchema: { required: ["name"] } }, validationLevel: "moderate" });
  await db.createCollection("few", { viewOn: "users", pipeline: [{ $limit: 3 }] });
  assert.equal((await db.collection("few").find().toArray()).length, 3);

  // The performance tab.
  const running = await admin.aggregate([{ $currentOp: { allUsers: true, idleConnections: false, truncateOps: false } }]).toArray();
  assert.ok(running.some((op) => op.appName === "MongoDB Compass"));
  assert.ok((await admin.command({ top: 1 })).totals["compass.users"].insert.count > 0);
  const status = await admin.command({ serverStatus: 1 });
  for (const part of ["opcounters", "connections", "network", "mem", "globalLock"]) assert.ok(status[part], part);
  await db.dropDatabase();
  await client.close();
}

main(process.argv[2]).catch((err) => {
  console.error(err);
  process.exit(1);
});
