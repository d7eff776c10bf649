// Mongoose does a day's work on an Argon server.
"use strict";
const assert = require("node:assert/strict");
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
  await mongoose.connection.db.command({ argonBranchCreate: "exp" });
  const exp = mongoose.connection.useDb("goose~exp");
  await exp.model("User", user).deleteMany({});
  assert.equal(await exp.model("User").countDocuments(), 0);
  assert.equal(await User.countDocuments(), 52);
  await mongoose.disconnect();
}

main(process.argv[2]).catch((err) => {
  console.error(err);
  process.exit(1);
});
