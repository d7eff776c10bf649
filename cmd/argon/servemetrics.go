package main

import (
	"context"
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
)

// storeMetrics offers the store's own counters, those of argonMetrics, to
// Prometheus. Their names follow the fields: {cache: {hits}} is
// argon_store_cache_hits. Those of mirrors are argon_mirror_lag_ms and so on, with
// the labels mirror and database.
type storeMetrics struct {
	ctx    context.Context
	client *client.Client
}

// Describe sends nothing: which metrics there are is known when they are read.
func (*storeMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect reads the counters.
func (m *storeMetrics) Collect(ch chan<- prometheus.Metric) {
	doc, err := m.client.Metrics(m.ctx)
	if err != nil {
		return // the store is closing
	}
	collectNumbers(ch, "argon_store", bsonraw.Doc(doc))
}

func collectNumbers(ch chan<- prometheus.Metric, prefix string, doc bsonraw.Doc) {
	it := doc.Iter()
	for it.Next() {
		name, v := prefix+"_"+snake(string(it.Key())), it.Value()
		switch {
		case string(it.Key()) == "ok":
		case name == "argon_store_mirrors":
			collectMirrors(ch, v.Doc())
		case v.Type == bsonraw.Object:
			collectNumbers(ch, name, v.Doc())
		case v.IsNumber():
			f, _ := v.AsFloat64()
			ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, "Of the storage layer.", nil, nil), prometheus.UntypedValue, f)
		}
	}
}

// collectMirrors offers the numbers of {MIRROR: {DATABASE: {gaps, synced, …}}}; what
// is true is 1.
func collectMirrors(ch chan<- prometheus.Metric, doc bsonraw.Doc) {
	for mirrors := doc.Iter(); mirrors.Next(); {
		for databases := mirrors.Value().Doc().Iter(); databases.Next(); {
			for it := databases.Value().Doc().Iter(); it.Next(); {
				n, ok := it.Value().AsFloat64()
				if it.Value().Type == bsonraw.Boolean {
					if ok = true; it.Value().Truthy() {
						n = 1
					}
				}
				if ok {
					desc := prometheus.NewDesc("argon_mirror_"+snake(string(it.Key())), "Of a database that a mirror follows.", []string{"mirror", "database"}, nil)
					ch <- prometheus.MustNewConstMetric(desc, prometheus.UntypedValue, n, string(mirrors.Key()), string(databases.Key()))
				}
			}
		}
	}
}

// snake writes sizeOnDisk as size_on_disk, with nothing that a metric's name
// cannot have.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case unicode.IsUpper(r):
			if i > 0 && !unicode.IsUpper(rune(name[i-1])) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		case r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}
