"""What speaks for and against a picture or clip being authentic; never a judgement that it is."""
