package mvcc

import "bytes"

// Cuts returns idKeys that part a collection into pieces of about the same size,
// ascending; none where it is small. They follow the one segment of the lineage
// that has most of the collection, so that they are a hint for sharing work
// and no promise.
func (v *View) Cuts(c CollectionID) ([][]byte, error) {
	var most [][]byte
	for _, span := range v.lineage {
		touched, err := v.store.touched.has(span.Segment, c)
		if err != nil {
			return nil, err
		}
		if !touched {
			continue
		}
		header := dataHeader(span.Segment, c, 0)
		cuts, err := v.store.kv.Cuts(header, successor(header))
		if err != nil {
			return nil, err
		}
		if len(cuts) > len(most) {
			most = most[:0]
			for _, cut := range cuts {
				// What ends every prefix is no part of the idKey.
				most = append(most, bytes.TrimSuffix(cut[len(header):], []byte{0}))
			}
		}
	}
	return most, nil
}
