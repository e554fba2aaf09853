# Two commands: `make demo` scores a model sighted and blind, `make test` runs the tests.
# Both set up what they need in .venv (demo) and .venv-test (tests) first; a rerun skips that.
# `make coverage` runs the tests again and prints what they don't reach; it takes about a fifth longer than `make test`.
# `make test-vllm` runs the tests that need vLLM, in .venv-vllm.
# `make test-ray` kills replicas, nodes and Ray itself, for minutes.
# `make test-zoo` tries a tiny model of every architecture and writes docs/compatibility.md from what came of it.
# `make docs` builds the documentation to site/, in .venv-docs; a broken link fails.
# `make test-browser` runs the tests of pages in a browser: Debian's packages chromium and chromium-driver.
# `make family-gpu` trains the nano family side by side on one GPU, into family-gpu/; `PYTHON` needs torch for that GPU.
# `make gpu-check` measures a model of a real size on a GPU, in minutes; `PYTHON` needs torch for that GPU and sightscale.
PYTHON ?= python3
WORKERS ?= 12
DEMO := demo-output

.PHONY: demo test coverage test-vllm test-ray test-zoo test-browser lint types docs setup clean family-gpu gpu-check

demo: .venv/.ready
	@echo "demo: the nano VLM on easy-VQA's test split, sighted and blind"
	.venv/bin/sightscale run --model easy_vqa_nano --tasks easy_vqa --blind none,black,mismatched --limit 1000 --output $(DEMO)/easy_vqa_nano
	@echo "demo: decoupled, the nano VLM perceives and SmolLM2-135M-Instruct reasons"
	.venv/bin/sightscale run --model decoupled:perception=easy_vqa_nano,reasoning=smollm2-135m-instruct,greedy=true,answer_tokens=16 --tasks easy_vqa --blind none --limit 60 --output $(DEMO)/decoupled
	@echo "demo: the mini suite, the first 50 questions of each set: the end-to-end model of the nano family looks, names and points"
	.venv/bin/sightscale run --model nano_2m --data mini --tasks in_domain,imagenet,grounding_refcoco_testa --blind none --limit 50 --output $(DEMO)/nano_2m
	@echo "demo: the same questions, decoupled: what one checkpoint extracts, another reasons about; and a page about both"
	.venv/bin/sightscale run --model decoupled:perception=nano_2m_extract,reasoning=nano_2m_reasoner,focus=data,greedy=true,answer_tokens=24 --data mini --tasks in_domain,imagenet --blind none --limit 50 --output $(DEMO)/nano_2m_extract
	.venv/bin/sightscale report $(DEMO)/nano_2m $(DEMO)/nano_2m_extract --output $(DEMO)/report
	@echo "demo: the leaderboard of the entries that ship, each scored again from its raw answers"
	.venv/bin/sightscale leaderboard build --output $(DEMO)/leaderboard

test: .venv-test/.ready
	.venv-test/bin/python -m pytest -n 2

coverage: .venv-test/.ready
	.venv-test/bin/python -m pytest -n 2 --cov --cov-report=term

test-vllm: .venv-vllm/.ready
	PYTHONPATH=tests/model_adapters/vllm_on_cpu .venv-vllm/bin/python -m pytest -m vllm

test-zoo: .venv-test/.ready
	ZOO_PAGE=docs/compatibility.md .venv-test/bin/python -m pytest -m zoo

test-ray: .venv-test/.ready
	.venv-test/bin/python -m pytest -m ray

test-browser: .venv-test/.ready
	.venv-test/bin/python -m pytest -m browser

lint: .venv-test/.ready
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .

types: .venv-test/.ready
	.venv-test/bin/python setup_environment.py types .venv-test

docs: .venv-docs/.ready
	.venv-docs/bin/python setup_environment.py docs .venv-docs

family-gpu:
	PYTHONSAFEPATH=1 $(PYTHON) -m sightscale.trainers.family nano_2m nano_650k nano_160k nano_40k --work family-gpu/work --output family-gpu --workers $(WORKERS)

gpu-check:
	PYTHONSAFEPATH=1 $(PYTHON) -m sightscale.harness.speed.gpu

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt setup_environment.py
	$(PYTHON) setup_environment.py install .venv
	@touch $@

.venv-test/.ready: pyproject.toml constraints.txt setup_environment.py
	$(PYTHON) setup_environment.py install .venv-test --extra dev
	@touch $@

.venv-vllm/.ready: pyproject.toml constraints.txt setup_environment.py
	$(PYTHON) setup_environment.py install .venv-vllm --extra dev --vllm
	@touch $@

.venv-docs/.ready: pyproject.toml constraints.txt setup_environment.py
	$(PYTHON) setup_environment.py install-docs .venv-docs
	@touch $@

clean:
	rm -rf .venv .venv-test .venv-vllm .venv-docs site $(DEMO) build *.egg-info .coverage
