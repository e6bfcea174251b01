package testnet

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"time"

	"consilium/model"
	"consilium/node"
	"consilium/node/study"
	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/learning"
)

// SharesResult is what training on shares was like.
type SharesResult struct {
	Security       string       `json:"security"`
	Reveal         string       `json:"reveal"`
	Threshold      int          `json:"threshold"` // so many hospitals together learn nothing
	Majority       string       `json:"majority"`  // who may deviate: fewer than half, or with a dishonest one all but one
	KeyBits        int          `json:"key_bits"`  // of a dishonest majority's moduli
	Halvings       int          `json:"halvings"`  // of the rate, by the range guard
	Rounds         int          `json:"rounds"`    // messages that had to follow each other
	RoundsPerEpoch float64      `json:"rounds_per_epoch"`
	Bytes          int64        `json:"bytes_sent"` // by a hospital, mean
	BytesPerEpoch  float64      `json:"bytes_per_epoch"`
	Ranges         []spdz.Range `json:"ranges"`
}

// planShares makes the plan of a study of scheme spdz.
func (s *scenario) planShares() (err error) {
	if s.study.Scheme != study.SchemeShares {
		return nil
	}
	if s.mode != InProcess {
		return fmt.Errorf("scheme %s runs in mode %s; the mode is %s", study.SchemeShares, InProcess, s.mode)
	}
	settings := s.study.SharesSettings()
	if s.dishonest() && s.keyBits != 0 {
		settings.KeyBits, settings.Insecure = s.keyBits, true
	}
	s.shares, err = learning.NewPlan(s.program, len(s.hospitals), settings)
	return err
}

// dishonest says that all hospitals but one may deviate.
func (s *scenario) dishonest() bool {
	return s.study.Shares != nil && s.study.Shares.Majority == learning.DishonestMajority
}

func (s *scenario) sharesSummary() string {
	if s.dishonest() {
		return s.dishonestSummary()
	}
	return fmt.Sprintf("%d hospitals (%s), scheme %s, %s: rows are shared, any %d hospitals learn nothing, %s open in the end",
		len(s.hospitals), strings.Join(s.names(), ", "), s.study.Scheme, securityOf(s.shares.Config()), s.shares.Threshold, s.shares.Reveal)
}

// dishonestSummary says what is withstood, and how slow that is.
func (s *scenario) dishonestSummary() string {
	key := fmt.Sprintf("%d bits", s.shares.KeyBits)
	if s.shares.KeyBits < paillier.MinBits {
		key += ", SHORT: IT PROTECTS NOTHING"
	}
	rows := 0
	for _, split := range s.splits {
		rows += split.Train.Rows()
	}
	return fmt.Sprintf("%d hospitals (%s), scheme %s, %s: rows are shared, any %d hospitals learn nothing, whatever they send\n"+
		"(Damgård, Pastro, Smart, Zakarias 2012); %s open in the end. Any one hospital can stop it, without being named; there is no\n"+
		"range guard and no going on without a hospital. Each makes its own Paillier key (%s).\n"+
		"It is slow: %d rows take some %d products and truncations a step, each of which costs every pair of hospitals powers mod N².",
		len(s.hospitals), strings.Join(s.names(), ", "), s.study.Scheme, securityOf(s.shares.Config()), s.shares.Threshold, s.shares.Reveal, key,
		rows, 6*rows*max(1, 1+sum(s.shares.Training.Hidden)))
}

func sum(list []int) int {
	total := 0
	for _, v := range list {
		total += v
	}
	return total
}

func securityOf(c spdz.Config) string {
	switch {
	case c.Dishonest && c.Deferred:
		return "n-1 malicious, with abort, checked at openings"
	case c.Dishonest:
		return "n-1 malicious, with abort"
	case c.Passive:
		return "passive"
	case c.Deferred:
		return "malicious, with abort, checked at openings"
	}
	return "malicious, with abort"
}

// playShares runs a study on shares, and compares it with the clear.
func (s *scenario) playShares(ctx context.Context, opt Options) (*Report, error) {
	started := time.Now()
	n := newNetwork(s, opt)
	results, costs, err := s.runShares(ctx, n, opt)
	report := n.report(nil)
	report.Seconds = time.Since(started).Seconds()
	if err != nil {
		return report, err
	}
	v := &verdict{joint: results[1].State}
	s.judgeShares(v, results)
	if err := s.replayShares(v, results); err != nil {
		return report, err
	}
	if err := n.compare(v); err != nil {
		return report, err
	}
	report.Checks = v.checks
	n.addVerdict(report, v)
	report.SecureMetrics = &Secure{s.names(), *v.joint.Metrics}
	report.Shares = s.sharesResult(results, costs)
	report.Seconds = time.Since(started).Seconds()
	for _, check := range report.Checks {
		if !check.OK {
			return report, fmt.Errorf("check failed: %s: %s", check.Name, check.Detail)
		}
	}
	return report, nil
}

// runShares runs the hospitals' studies, and returns what each has, by party.
func (s *scenario) runShares(ctx context.Context, n *network, opt Options) ([]*learning.Result, []node.ComputeReport, error) {
	p, err := openParties(s.names(), opt.Logger)
	if err != nil {
		return nil, nil, err
	}
	defer p.close()
	results := make([]*learning.Result, len(s.hospitals)+1)
	costs, err := p.compute(ctx, "study", func(party int) interactive.Program {
		return func(c *interactive.Channel) (err error) {
			work := &learning.Study{Plan: s.shares, Train: s.splits[party-1].Train, Test: s.splits[party-1].Test}
			if _, err := rand.Read(work.Seed[:]); err != nil {
				return err
			}
			if party == 1 {
				work.Tell = func(p learning.Progress) {
					n.mu.Lock()
					defer n.mu.Unlock()
					n.emit(Event{What: Shared, Round: uint64(p.Epoch), Step: p.Step, Bytes: p.Cost.Bytes})
				}
			}
			results[party], err = work.Run(c)
			return err
		}
	})
	return results, costs, err
}

// judgeShares: everybody ends with one model.
func (s *scenario) judgeShares(v *verdict, results []*learning.Result) {
	var wrong []string
	for i, r := range results[1:] {
		if r.State.Hash() != v.joint.Hash() {
			wrong = append(wrong, s.hospitals[i].Name+" ends with another model")
		}
	}
	v.check("one model everywhere", wrong, fmt.Sprintf("%d hospitals hold it", len(results)-1))
}

// replayShares trains on the pooled rows with the same arithmetic in the clear.
func (s *scenario) replayShares(v *verdict, results []*learning.Result) error {
	var rows []*model.Dataset
	for _, split := range s.splits {
		rows = append(rows, split.Train)
	}
	weights, bound, err := s.shares.Clear(*results[1].State.Standardiser, rows)
	if err != nil {
		return fmt.Errorf("replay in the clear: %w", err)
	}
	for i, w := range weights {
		v.weightsMaxDiff = math.Max(v.weightsMaxDiff, math.Abs(w-v.joint.Weights[i]))
	}
	v.bound = finite(bound)
	var wrong []string
	if v.bound != nil && v.weightsMaxDiff > bound {
		wrong = []string{fmt.Sprintf("weights differ by %.3g, truncation makes at most %.3g", v.weightsMaxDiff, bound)}
	}
	v.check("the model is that of the same training in the clear", wrong, fmt.Sprintf("up to %.1e", v.weightsMaxDiff))
	return nil
}

func (s *scenario) sharesResult(results []*learning.Result, costs []node.ComputeReport) *SharesResult {
	r := &SharesResult{
		Security: securityOf(s.shares.Config()), Reveal: s.shares.Reveal, Threshold: s.shares.Threshold,
		Majority: s.shares.Majority, KeyBits: s.shares.KeyBits,
		Halvings: results[1].Halvings, Ranges: results[1].Ranges,
	}
	for _, c := range costs[1:] {
		r.Rounds = max(r.Rounds, c.Rounds)
		r.Bytes += c.BytesSent / int64(len(costs)-1)
	}
	epochs := float64(s.program.Plan().Rounds)
	r.RoundsPerEpoch, r.BytesPerEpoch = results[1].PerEpoch(epochs)
	return r
}
