package testnet

import (
	"context"
)

// Demo runs a demonstration. The report is there also with an error, as far as
// it goes, once the hospitals have started.
func Demo(ctx context.Context, demo DemoOptions, opt Options) (*DemoReport, error) {
	s, err := prepare(demo)
	if err != nil {
		return nil, err
	}
	report, err := play(ctx, s, opt)
	if report == nil {
		return nil, err
	}
	return &report.DemoReport, err
}
