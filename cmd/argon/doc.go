// Command argon is the command line of Argon, Git for MongoDB.
//
// Each verb is one file, noun_verb.go: an options struct, a constructor that
// binds flags to it, and a function that runs it and touches the world through
// the app's IO only. The store is opened by the verb that needs it, so that
// help costs nothing.
//
// Promises:
//
//  1. Output is a table for people, or with --json one JSON document (JSON
//     lines where documents stream). Errors go to standard error, and the exit
//     code tells their category (exit.go).
//  2. Nothing is asked unless standard input is a terminal; a script says --yes.
//  3. Ctrl-C stops at once. What was acknowledged stays, nothing is half done.
//  4. It uses package client and nothing deeper.
//
// Read main.go, app.go, root.go, then branches_create.go as an example.
package main
