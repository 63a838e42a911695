// Command recoup reads cohorts of chronic pain rehabilitation programs, estimates
// outcomes, simulates program designs and writes reports.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"recoup/cmd/recoup/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second interrupt stops at once: the first gives the signal back its usual
	// effect.
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System()))
}
