package errs

import (
	"errors"
	"fmt"
)

// Code is the number of an error, as MongoDB's servers send it in the field
// "code". A code without a row in the table is a MongoDB location code: its
// name is "Location" and the number.
type Code int32

// Category groups codes by what a caller can do about them. Each edge maps
// categories, not codes: exception classes in Python, exit codes in the CLI.
type Category uint8

// The categories.
const (
	Invalid     Category = iota // the request can never succeed as it stands
	NotFound                    // something named is not there
	Exists                      // something named is there already
	Conflict                    // lost against another writer, or merge conflicts
	ReadOnly                    // a write where only reads are allowed
	Unsupported                 // a known feature that is not there yet
	Canceled                    // the caller, or a time limit, stopped it
	Busy                        // held by another process
	IO                          // the disk, the network or the system failed
	Corrupt                     // stored bytes do not check out
	Denied                      // not allowed for this user
	Internal                    // a defect in Argon
)

// Error is the error of every core package.
type Error struct {
	// Code is the code, never zero.
	Code Code
	// Message says what went wrong and names the value seen.
	Message string
	// Remedy is the next step, a sentence; when empty, the code's own remedy.
	Remedy string
	// Details is a BSON document for the field "errInfo", or nil.
	Details []byte
	// Labels are MongoDB's error labels, for example
	// "TransientTransactionError".
	Labels []string
	// Concern is a BSON document for the field "writeConcernError" that stands beside
	// an error, or nil.
	Concern []byte

	cause error
}

// New makes an error with a formatted message. A %w verb in format wraps.
func New(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Wrap gives an error that a library or the system returned a code. The
// message is the formatted text, a colon, and the text of err.
func Wrap(err error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...) + ": " + err.Error(), cause: err}
}

// Error returns the message and, behind it, the remedy.
func (e *Error) Error() string {
	if r := e.RemedyText(); r != "" {
		return e.Message + ": " + r
	}
	return e.Message
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// RemedyText returns the error's own remedy, or else that of its code.
func (e *Error) RemedyText() string {
	if e.Remedy != "" {
		return e.Remedy
	}
	return table[e.Code].remedy
}

// WithRemedy sets the remedy and returns e.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	e.Remedy = fmt.Sprintf(format, args...)
	return e
}

// WithDetails sets the BSON document of "errInfo" and returns e.
func (e *Error) WithDetails(doc []byte) *Error {
	e.Details = doc
	return e
}

// WithLabel adds an error label and returns e.
func (e *Error) WithLabel(label string) *Error {
	e.Labels = append(e.Labels, label)
	return e
}

// As returns the *Error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// CodeOf returns the code of err: zero for nil, InternalError for an error
// that is not from this package.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	if e := As(err); e != nil {
		return e.Code
	}
	return InternalError
}

// Is reports whether err carries this code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// In reports whether err's code is of this category.
func In(err error, cat Category) bool { return err != nil && CodeOf(err).Category() == cat }
