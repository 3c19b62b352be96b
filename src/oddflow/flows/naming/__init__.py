"""Four ways to name a flow's application: by port, by signature, by its statistics, by its hosts' behaviour.

The four are those of the survey in W. Wang, "Research on network traffic classification and anomaly detection
methods based on deep learning" (2018), chapter 2. None of them is the truth: each sees another side of a flow, and
flows on which they disagree are worth a look. See docs/applications.md.
"""
