package wire

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/argon-lab/argon/core/command"
)

// buckets are the upper bounds of the histogram of answer times, in seconds.
var buckets = [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// stats counts what the server does.
type stats struct {
	accepted, closed, refused  atomic.Int64
	malformed, stalled, panics atomic.Int64
	received, sent             atomic.Int64
	failed                     atomic.Int64
	took                       atomic.Int64 // nanoseconds, of all answers
	answers                    [len(buckets) + 1]atomic.Int64
}

// answered counts one command.
func (s *stats) answered(d time.Duration, failed bool) {
	sec := d.Seconds()
	i := 0
	for i < len(buckets) && sec > buckets[i] {
		i++
	}
	s.answers[i].Add(1)
	s.took.Add(int64(d))
	if failed {
		s.failed.Add(1)
	}
}

// Descriptions of the metrics.
var (
	descOpen      = prometheus.NewDesc("argon_connections", "Open connections.", nil, nil)
	descAccepted  = prometheus.NewDesc("argon_connections_accepted_total", "Connections accepted.", nil, nil)
	descRefused   = prometheus.NewDesc("argon_connections_refused_total", "Connections refused because there were too many.", nil, nil)
	descMalformed = prometheus.NewDesc("argon_messages_malformed_total", "Messages that are not of the protocol.", nil, nil)
	descStalled   = prometheus.NewDesc("argon_connections_stalled_total", "Connections closed because their client did not take its reply.", nil, nil)
	descPanics    = prometheus.NewDesc("argon_panics_total", "Commands ended by a defect.", nil, nil)
	descReceived  = prometheus.NewDesc("argon_received_bytes_total", "Bytes received.", nil, nil)
	descSent      = prometheus.NewDesc("argon_sent_bytes_total", "Bytes sent.", nil, nil)
	descFailed    = prometheus.NewDesc("argon_commands_failed_total", "Commands answered with an error.", nil, nil)
	descTook      = prometheus.NewDesc("argon_command_seconds", "Time from a command to its reply.", nil, nil)
)

// traffic is what serverStatus tells of the connections.
func (s *Server) traffic() command.Traffic {
	st := &s.stats
	t := command.Traffic{Open: int64(s.Connections()), Accepted: st.accepted.Load(), Received: st.received.Load(), Sent: st.sent.Load()}
	for i := range st.answers {
		t.Requests += st.answers[i].Load()
	}
	return t
}

// Describe is part of prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, ch) }

// Collect is part of prometheus.Collector.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	st := &s.stats
	ch <- prometheus.MustNewConstMetric(descOpen, prometheus.GaugeValue, float64(s.Connections()))
	for _, c := range []struct {
		desc *prometheus.Desc
		n    *atomic.Int64
	}{
		{descAccepted, &st.accepted},
		{descRefused, &st.refused},
		{descMalformed, &st.malformed},
		{descStalled, &st.stalled},
		{descPanics, &st.panics},
		{descReceived, &st.received},
		{descSent, &st.sent},
		{descFailed, &st.failed},
	} {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.n.Load()))
	}
	counts := make(map[float64]uint64, len(buckets))
	total := uint64(0)
	for i := range st.answers {
		total += uint64(st.answers[i].Load())
		if i < len(buckets) {
			counts[buckets[i]] = total
		}
	}
	ch <- prometheus.MustNewConstHistogram(descTook, total, time.Duration(st.took.Load()).Seconds(), counts)
}
