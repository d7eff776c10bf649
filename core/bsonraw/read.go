package bsonraw

// ReadValue cuts a value of type t off the start of b. It is false where b is
// too short or t is no BSON type; what is inside an object is not looked at.
func ReadValue(t Type, b []byte) (v Value, rest []byte, ok bool) {
	n := valueSize(t, b)
	if n < 0 || n > len(b) {
		return Value{}, b, false
	}
	return Value{t, b[:n:n]}, b[n:], true
}
