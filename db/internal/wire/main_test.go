package wire_test

import (
	"testing"

	"upwork-ai-agent/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
