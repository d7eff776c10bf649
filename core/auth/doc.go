// Package auth knows who a client is and what it may do: users, roles, API
// keys, the server's side of their authentication, and the evaluation of
// privileges.
//
// It owns the actions and resources (action.go, resource.go), MongoDB's
// built-in roles (builtin.go), the records of users, roles and keys and their
// changes (tables.go, users.go, roles.go, apikeys.go), the conversations that
// prove who a client is (sasl.go, scram.go, x509.go), the slowing down of
// guesses (throttle.go), and which connections have to authenticate at all
// (policy.go). It knows nothing of commands, and of a store only the interface
// Store.
//
// A resource is a pattern on project~branch: "shop" is its main branch, as in a
// database's name; "shop~exp-*" are the branches whose names begin so; "shop~*"
// are all of them. A star stands for any characters but "~".
//
// Promises:
//
//  1. A password is never stored: only its SCRAM credentials are, and of an API
//     key a salted hash. Neither leaves the package, nor stands in an error.
//  2. Nothing is allowed that no role grants. A change of users, roles or keys
//     holds for clients that are connected already, from their next command.
//  3. A user that is not there and a wrong password take the same way and get
//     the same answer.
//  4. Guessing is slowed down for one user from one source, by a bounded time,
//     and for nobody else.
//  5. An Authority may be used by any number of goroutines. What it hands out is
//     immutable.
//
// Read resource.go, builtin.go, tables.go, sasl.go.
package auth
