package main

import (
	"testing"
	"time"

	"consilium/node"
	"consilium/protocol"
)

// A node that has finished and stays for slower hospitals does not time out.
func TestFinishedStudyIsNotSlow(t *testing.T) {
	p := &runProgress{last: node.Progress{Phase: protocol.Deal}, since: time.Now().Add(-time.Hour)}
	if _, _, slow := p.slow(); !slow {
		t.Error("a round of an hour is not slow")
	}
	p.last = node.Progress{Phase: protocol.Done, Complete: true}
	if _, _, slow := p.slow(); slow {
		t.Error("a finished study is slow")
	}
}
