# Two images: `service` serves, works and is the command line; `chain` is a Ganache to try it with.
#   docker build --target service --tag stemmata .

FROM python:3.11-slim-bookworm AS build
# pesq, of the extra that measures vocoders, is compiled; nothing here is, unless a wheel is missing for your machine.
ARG EXTRAS=serve,postgresql,studio,report
# The index with torch for processors alone, which PyTorch's page of installation names: without it CUDA comes along.
ARG PIP_EXTRA_INDEX_URL=
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY gen gen
COPY ledger ledger
RUN python -m venv /opt/stemmata && /opt/stemmata/bin/pip install --no-cache-dir ".[${EXTRAS}]"

FROM python:3.11-slim-bookworm AS service
RUN useradd --uid 10001 --create-home --home-dir /var/lib/stemmata --shell /usr/sbin/nologin stemmata \
    && install -d -o stemmata -g stemmata -m 700 /var/lib/stemmata/home
COPY --from=build /opt/stemmata /opt/stemmata
COPY scripts/deploy.py /opt/stemmata/scripts/deploy.py
ENV PATH=/opt/stemmata/bin:$PATH STEMMATA_HOME=/var/lib/stemmata/home PYTHONUNBUFFERED=1
USER stemmata
# What a command writes beside the home, such as the demo, goes where its user may write.
WORKDIR /var/lib/stemmata
VOLUME /var/lib/stemmata/home
EXPOSE 8750
# The first line of a secret, which no other process can look up, is the passphrase.
ENTRYPOINT ["/bin/sh", "-c", "if [ -r /run/secrets/passphrase ]; then export STEMMATA_PASSPHRASE_FD=3; exec 3</run/secrets/passphrase; fi; exec stemmata \"$@\"", "stemmata"]
CMD ["serve", "--host", "0.0.0.0"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8750/healthz', timeout=4)"]

FROM node:20-bookworm-slim AS chain
WORKDIR /opt/chain
COPY contracts/package.json contracts/package-lock.json ./
RUN npm ci --no-audit --no-fund && install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 8545
# Play money: no account has any until somebody says so, and nobody outside of the host should reach it.
CMD ["node_modules/.bin/ganache", "--server.host=0.0.0.0", "--server.port=8545", "--chain.hardfork=shanghai", \
     "--wallet.totalAccounts=1", "--database.dbPath=/data", "--logging.quiet"]
