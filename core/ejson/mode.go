package ejson

// Mode is how types are written that JSON does not have.
type Mode uint8

const (
	// Canonical keeps every type, at the price of length: {"$numberInt":"1"}.
	Canonical Mode = iota
	// Relaxed is made for people and for JSON programs: plain numbers, ISO
	// dates between 1970 and 9999.
	Relaxed
	// Typed is Relaxed where that reads back to the same type, and Canonical
	// elsewhere: a long that would fit an int is {"$numberLong":"1"}.
	Typed
)
