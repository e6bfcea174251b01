package protocol

import (
	"errors"
	"fmt"

	"consilium/sharing"
)

// findWrong looks for openings that do not lie on the polynomials of the others.
// At most f hospitals lie: where k+f openings agree, k of them are honest, and
// these determine the polynomials. So whoever differs is wrong, and is named.
// ErrMoreOpenings says that not so many agree yet.
//
// It decodes random combinations of all values instead of each value (the
// repetitions are as in the degree check): an opening that is wrong anywhere is
// wrong in these. Their coefficients come from all openings, so nobody could
// choose one after them.
func (s *Shamir) findWrong(set Hash, openings []Post) error {
	parts := make([]Source, len(openings))
	transcript := append([]byte{}, set[:]...)
	for i, opening := range openings {
		parts[i] = opening.Body.Parts[0]
		if parts[i] == nil {
			return &BadOpening{opening.From, "no content"}
		}
		ref, err := RefOf(parts[i])
		if err != nil {
			return err
		}
		transcript = ref.append(appendParty(transcript, opening.From))
	}
	sums, err := s.combinations(parts, s.length, 0, digest("consilium/openings/1", transcript))
	if wrong := (*wrongPart)(nil); errors.As(err, &wrong) {
		return &BadOpening{openings[wrong.index].From, wrong.Why}
	}
	if err != nil {
		return err
	}
	for rep := range repetitions {
		values := make([]sharing.Element, len(openings))
		for i := range values {
			values[i] = sums[i][rep]
		}
		agrees, count, err := sharing.Correct(abscissae(openings), values, s.k)
		if err != nil {
			return err
		}
		if count < s.k+s.f {
			return ErrMoreOpenings
		}
		for i, ok := range agrees {
			if !ok {
				return &BadOpening{openings[i].From, fmt.Sprintf("it is not on the polynomials of %d others", count)}
			}
		}
	}
	return nil
}

// Convicts verifies for a third party that an opening of a set is wrong, by the
// others of the same set: *Invalid when it is.
func (s *Shamir) Convicts(set Hash, opening Post, others []Post) error {
	bad := (*BadOpening)(nil)
	err := s.findWrong(set, append([]Post{opening}, others...))
	switch {
	case errors.Is(err, ErrMoreOpenings):
		return fmt.Errorf("fewer than %d openings agree", s.k+s.f)
	case errors.As(err, &bad) && bad.From == opening.From:
		return &Invalid{bad.Why}
	case errors.As(err, &bad):
		return fmt.Errorf("the opening of hospital %d is wrong", bad.From)
	}
	return err
}
