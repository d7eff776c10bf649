// mongosh does a day's work on an Argon server.
const check = (ok, what) => {
  if (!ok) throw new Error(what);
};
db = db.getSiblingDB("shell");
db.users.insertMany([{ _id: 1, name: "Ada", n: 1 }, { _id: 2, name: "Grace", n: 2 }]);
check(db.users.countDocuments() === 2, "count");
check(db.users.findOne({ _id: 2 }).name === "Grace", "findOne");
db.users.createIndex({ name: 1 });
check(db.users.getIndexes().length === 2, "indexes");
check(db.users.find({ name: "Ada" }).explain().queryPlanner.winningPlan.stage === "FETCH", "explain");
check(db.users.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }]).toArray()[0].n === 3, "aggregate");
check(db.users.bulkWrite([{ updateOne: { filter: { _id: 1 }, update: { $set: { n: 5 } } } }]).modifiedCount === 1, "bulk");
check(db.users.stats().count === 2, "stats");
check(db.stats().collections === 1, "db.stats");
check(db.users.validate().valid, "validate");
check(db.getCollectionNames().join() === "users", "names");
check(db.hello().setName === "argon", "hello");
check(db.version() === "7.0.0", "version");
check(rs.status().myState === 1, "rs.status");
check(rs.conf().members[0].host === db.hello().me, "rs.conf");
check(db.getUsers().users.length === 0 && db.getRoles().roles.length === 0, "show users, show roles");
let unknown = null;
try {
  db.killOp(123456789);
} catch (err) {
  unknown = err;
}
check(unknown === null || unknown.codeName !== "CommandNotFound", "killOp");
check(db.adminCommand({ top: 1 }).totals["shell.users"].total.count > 0, "top");
check(db.users.find({ name: "Ada" }).itcount() === 1, "indexed");
check(db.users.aggregate([{ $indexStats: {} }]).toArray().some((i) => i.name === "name_1" && i.accesses.ops > 0), "$indexStats");
check(db.currentOp().inprog.length >= 1, "currentOp");
check(db.serverStatus().process === "argon", "serverStatus");
const session = db.getMongo().startSession();
session.startTransaction();
session.getDatabase("shell").users.insertOne({ _id: 3 });
session.abortTransaction();
session.startTransaction();
session.getDatabase("shell").users.insertOne({ _id: 4 });
session.commitTransaction();
check(db.users.countDocuments() === 3, "transactions");
const lsn = db.runCommand({ argonResolve: "main" }).lsn;
check(db.runCommand({ argonBranchCreate: "exp", from: "main" }).ok === 1, "branch");
db.getSiblingDB("shell~exp").users.deleteMany({});
check(db.users.countDocuments() === 3, "main is as it was");
check(db.getSiblingDB(`shell~exp~${lsn}`).users.countDocuments() === 3, "the past");
let said = "";
try {
  db.getSiblingDB(`shell~main~${lsn}`).users.insertOne({});
} catch (err) {
  said = err.message;
}
check(said.includes("argonBranchCreate"), `a moment refuses writes: ${said}`);
const names = db.adminCommand({ listDatabases: 1 }).databases.map((d) => d.name);
check(names.includes("shell") && names.includes("shell~exp"), "show dbs");
const stream = db.users.watch();
db.users.insertOne({ _id: 5 });
let change = null;
for (let i = 0; i < 100 && change === null; i++) change = stream.tryNext();
check(change !== null && change.documentKey._id === 5, "change stream");
stream.close();
db.users.deleteOne({ _id: 5 });
const resumed = db.users.watch([], { resumeAfter: change._id });
for (change = null; change === null; ) change = resumed.tryNext();
check(change.operationType === "delete", "resumed");
resumed.close();
const other = db.getMongo().startSession();
session.startTransaction();
other.startTransaction();
session.getDatabase("shell").users.updateOne({ _id: 1 }, { $set: { by: 1 } });
let label = "";
try {
  other.getDatabase("shell").users.updateOne({ _id: 1 }, { $set: { by: 2 } });
  session.commitTransaction();
  other.commitTransaction();
} catch (err) {
  label = err.errorLabels;
}
check(label.includes("TransientTransactionError"), "conflict");
print("done");
