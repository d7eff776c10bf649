// Mongoose does a day's work on an Argon server.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const mongoose = require("mongoose");

async function main(uri) {
  await mongoose.connect(`${uri}goose`);
  const user = new mongoose.Schema({ name: { type: String, unique: true }, age: Number, tags: [String] }, { timestamps: true });
  const post = new mongoose.Schema({ title: String, author: { type: mongoose.Schema.Types.ObjectId, ref: "User" } });
  const User = mongoose.model("User", user);
  const Post = mongoose.model("Post", post);
  await User.init();
  const ada = await User.create({ name: "Ada", age: 36 });
  await User.insertMany(Array.from({ length: 50 }, (_, n) => ({ name: `u${n}`, age: n })));
  assert.equal(await User.countDocuments({ age: { $gte: 45 } }), 5);
  ada.tags.push("x");
  await ada.save();
  assert.deepEqual((await User.findById(ada._id).lean()).tags, ["x"]);
  await assert.rejects(User.create({ name: "Ada" }), (err) => err.code === 11000);
  await Post.create({ title: "first", author: ada._id });
  assert.equal((await Post.findOne().populate("author")).author.name, "Ada");
  await mongoose.connection.transaction(async (session) => {
    await User.create([{ name: "Grace" }], { session });
  });
  await assert.rejects(mongoose.connection.transaction(async (session) => {
    await User.create([{ name: "Nobody" }], { session });
    throw new Error("no");
  }), /no/);
  assert.equal(await User.countDocuments({ name: { $in: ["Grace", "Nobody"] } }), 1);
  const [{ total }] = await User.aggregate([{ $group: { _id: null, total: { $sum: "$age" } } }]);
  assert.equal(total, 36 + (49 * 50) / 2);
  const bulk = await User.bulkWrite([
    { insertOne: { document: { name: "bulk", age: 1 } } },
    { updateMany: { filter: { age: 1 }, update: { $push: { tags: "b" } } } },
  ]);
  assert.deepEqual([bulk.insertedCount, bulk.modifiedCount], [1, 2]);
  await User.deleteOne({ name: "bulk" });
  const [one, two] = [await mongoose.startSession(), await mongoose.startSession()];
  one.startTransaction();
  two.startTransaction();
  await User.updateOne({ name: "u2" }, { age: 20 }, { session: one });
  await assert.rejects(async () => {
    await User.updateOne({ name: "u2" }, { age: 30 }, { session: two });
    await one.commitTransaction();
    await two.commitTransaction();
  }, (err) => err.hasErrorLabel("TransientTransactionError"));
  await one.endSession();
  await two.endSession();
  const stream = User.watch();
  const next = once(stream, "change");
  const writing = setInterval(() => User.updateOne({ name: "u3" }, { $inc: { age: 1 } }).catch(() => {}), 20);
  const [change] = await next; // the stream may begin late
  clearInterval(writing);
  await stream.close();
  assert.equal(change.operationType, "update");
  const seen = await User.create({ name: "seen" });
  const resumed = User.watch([{ $match: { operationType: "insert" } }], { resumeAfter: change._id });
  assert.equal((await once(resumed, "change"))[0].fullDocument.name, "seen");
  await resumed.close();
  await seen.deleteOne();
  const { lsn } = await mongoose.connection.db.command({ argonResolve: "main" });
  await mongoose.connection.db.command({ argonBranchCreate: "exp" });
  const exp = mongoose.connection.useDb("goose~exp");
  await exp.model("User", user).deleteMany({});
  assert.equal(await exp.model("User").countDocuments(), 0);
  assert.equal(await User.countDocuments(), 52);
  await User.deleteMany({});
  const past = mongoose.connection.useDb(`goose~main~${lsn}`);
  assert.equal(await past.model("User", user, undefined, { autoCreate: false, autoIndex: false }).countDocuments(), 52);
  await assert.rejects(past.collection("users").insertOne({}), /argonBranchCreate/);
  await mongoose.disconnect();
}

main(process.argv[2]).catch((err) => {
  console.error(err);
  process.exit(1);
});
