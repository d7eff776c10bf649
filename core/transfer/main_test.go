package transfer_test

import (
	"testing"

	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestMain(m *testing.M) { mongotest.Main(m) }
