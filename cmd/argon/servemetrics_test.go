package main

import (
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// fixed offers the numbers of a document.
type fixed bsonraw.Doc

func (fixed) Describe(chan<- *prometheus.Desc) {}

func (f fixed) Collect(ch chan<- prometheus.Metric) {
	collectNumbers(ch, "argon_store", bsonraw.Doc(f))
}

// The counters of mirrors have the mirror and the database as labels.
func TestMetricsOfMirrors(t *testing.T) {
	doc, err := parseDoc(`{cache: {hits: 5}, mirrors: {live: {shop: {state: "following", synced: true, gaps: 2, lagP95MS: 1.5}}}, ok: 1}`)
	require.NoError(t, err)
	reg := prometheus.NewRegistry()
	reg.MustRegister(fixed(doc))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		"argon_store_cache_hits 5\n", `argon_mirror_gaps{database="shop",mirror="live"} 2`,
		`argon_mirror_synced{database="shop",mirror="live"} 1`, `argon_mirror_lag_p95_ms{database="shop",mirror="live"} 1.5`,
	} {
		require.Contains(t, w.Body.String(), line)
	}
}
