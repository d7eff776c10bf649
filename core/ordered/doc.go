// Package ordered runs a function over a stream of items on several goroutines
// and gives the results in the order of the stream.
//
// It owns the goroutines of columnar (chunks of documents become record
// batches) and of transfer (blocks of a file become documents).
//
// Promises:
//
//  1. Results come in the order of the items, and one item fails alone.
//  2. No more items are read ahead than there are workers, plus two.
//  3. A stream that broke off ends in its error: it is never taken for whole.
//  4. No panic leaves a goroutine; it becomes an error (Guard).
//  5. After Stop no goroutine is left, the stream is closed, and every result
//     that nobody took was given to Drop.
package ordered
