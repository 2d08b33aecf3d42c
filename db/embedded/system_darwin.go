package embedded

// impostor cannot be told on macOS without cgo; pids are not reused as quickly there.
func impostor(int) bool { return false }
