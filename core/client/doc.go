// Package client is the Go SDK: projects, branches, moments, collections, diff,
// merge, undo and history, over an Argon store.
//
//	c, err := client.Open(ctx, "path/to/store", nil)
//	exp, err := c.Project("shop").Branches().Create(ctx, "experiment-1", "main")
//	users := c.Project("shop").Branch("experiment-1").Collection("users")
//	_, err = users.InsertOne(ctx, bson.D{{Key: "name", Value: "Ada"}})
//	cur, err := c.Project("shop").Branch("main").At("-1").Collection("users").Find(ctx, bson.D{}, nil)
//
// It owns opening a store by its URI (open.go), the commands that run where the
// files are (transfer.go: argonImport, argonExport), and typed methods over the
// commands of package command (the rest). Everything typed is built on
// RunCommand and OpenCursor and adds no behaviour, so that the C library, the
// CLI and programs in Go see one product.
//
// Where the store is does not show: in this process, in another one of this
// machine that has it open, or behind argon://host:port (package attach). Place
// says where it is.
//
// Promises:
//
//  1. Every error is an *errs.Error.
//  2. A Client may be used by any number of goroutines.
//  3. A context that ends stops what runs under it; what was acknowledged stays.
//  4. After Close every method returns StoreClosed.
//
// Read open.go, project.go, branch.go, collection.go.
package client
