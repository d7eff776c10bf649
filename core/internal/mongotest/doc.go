// Package mongotest gives tests a real MongoDB to compare with, and documents
// to compare on. Nothing but tests may import it.
//
// It owns the mongod of a test binary (server.go), raw commands to it
// (command.go), and the zoo: a list of values of every BSON type with their
// edge cases, and documents made of them (zoo.go).
//
// Promises:
//
//  1. A test binary starts at most one mongod, a replica set of one member, at
//     the first call that needs it. It is ended by its process id, whether
//     tests pass, fail, panic or run into their time limit.
//  2. With $MONGODB_URI set, that server is used and none started; only
//     databases whose names begin with "argon_test_" are touched.
//  3. Documents go to the server and come back as the bytes they are.
//  4. A missing mongod fails the test on linux/amd64 and skips it elsewhere,
//     with a text that says how to name one.
//
// A package that uses it has one line of TestMain:
//
//	func TestMain(m *testing.M) { mongotest.Main(m) }
package mongotest
