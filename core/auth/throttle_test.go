package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

func TestGuessesAreSlowedDown(t *testing.T) {
	w := newWorld()
	w.user(t, "ada", "right")
	w.user(t, "grace", "right")
	wrong := func(n int) {
		for range n {
			_, err := w.login(t, ScramSHA256, "ada", "wrong", "evil")
			require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err))
		}
	}
	wrong(freeTries)
	require.Zero(t, w.waited, "the first tries cost nothing")
	wrong(1)
	require.Equal(t, firstWait, w.waited)
	before := w.waited
	wrong(20)
	require.Greater(t, w.waited-before, 10*longest)
	require.LessOrEqual(t, w.waited-before, 20*longest)

	before = w.waited
	for _, who := range [][2]string{{"ada", "home"}, {"grace", "evil"}} {
		_, err := w.login(t, ScramSHA256, who[0], "right", who[1])
		require.NoError(t, err)
	}
	require.Equal(t, before, w.waited, "nobody else waits")
	_, err := w.login(t, ScramSHA256, "ada", "right", "evil")
	require.NoError(t, err, "the right password still works, after its wait")
	require.LessOrEqual(t, w.waited-before, longest)
	before = w.waited
	wrong(freeTries)
	require.Equal(t, before, w.waited, "a right one clears the account")
}

// Guesses at the same time get their turns one after the other, and are refused
// when the queue is longer than the longest wait.
func TestGuessesInParallelGainNothing(t *testing.T) {
	now := time.Unix(0, 0)
	th := throttle{now: func() time.Time { return now }}
	s := source{UserName{"ada", "admin"}, "evil"}
	for range freeTries {
		th.result(s, false)
	}
	var turns []time.Duration
	refused := 0
	for range 100 {
		pause, err := th.turn(s)
		if err != nil {
			require.Equal(t, errs.AuthenticationFailed, errs.CodeOf(err))
			refused++
			continue
		}
		turns = append(turns, pause)
	}
	for i := 1; i < len(turns); i++ {
		require.GreaterOrEqual(t, turns[i]-turns[i-1], firstWait)
	}
	require.LessOrEqual(t, turns[len(turns)-1], longest)
	require.Equal(t, 100, refused+len(turns))
	require.Greater(t, refused, 50)
}

func TestTracesAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	th := throttle{now: func() time.Time { return now }}
	for i := range maxTraces + 500 {
		now = now.Add(time.Millisecond)
		th.result(source{UserName{string(rune('a' + i%26)), strings.Repeat("x", i/26)}, "evil"}, false)
		require.LessOrEqual(t, len(th.traces), maxTraces)
	}
	now = now.Add(2 * forgotten)
	th.result(source{UserName{"z", "late"}, "evil"}, false)
	require.Len(t, th.traces, 1)
}
