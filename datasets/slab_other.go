//go:build !linux

package datasets

func hugePages([]byte) bool { return false }
